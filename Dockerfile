# A board that plays, in a container:
#   docker build -t tnemu . && docker run --rm -v "$PWD/runs:/home/tnemu/runs" tnemu
# Any other command follows the name: docker run --rm tnemu zoo
FROM python:3.13-slim
RUN useradd --create-home tnemu
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src
USER tnemu
WORKDIR /home/tnemu
# compiled once, when the image is made: the first game starts at once
RUN tnemu doctor --warm
ENTRYPOINT ["tnemu"]
CMD ["play"]
